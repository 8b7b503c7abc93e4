"""From files to volumes: which slices belong together, in which order, where and when they were taken."""
