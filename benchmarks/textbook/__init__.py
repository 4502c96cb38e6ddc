"""The loops one writes first: a Dataset and a DataLoader, float32, images as they come, a mask for every group."""
