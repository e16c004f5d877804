"""The machine under the workbook: set-up, the embedded guest, base images that need no network."""
