"""The methods: one file each, mounted as ``bench.methods``."""
