"""What the deep methods share: networks, the training loop, k-means, device and precision."""
