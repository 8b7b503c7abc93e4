"""What a run will take: the sizes of scans, and the time and disk that follow from them."""
