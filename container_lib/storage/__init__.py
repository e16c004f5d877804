"""What images and containers are made of on disk: digests, blobs, layers, overlays, volumes."""
