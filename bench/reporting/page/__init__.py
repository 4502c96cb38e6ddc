"""The page of ``bench report``: everything there is to say of some records, in one HTML file that loads nothing."""
