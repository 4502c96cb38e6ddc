"""K-means on samples that are centred group by group, a method for the fair clustering benchmark."""
