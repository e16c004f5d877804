"""Base images out of Debian's packages: busybox, debian, jre. Nothing is fetched from a registry."""
