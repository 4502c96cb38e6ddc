"""The data sets' way in: found, downloaded, verified, prepared, described."""
