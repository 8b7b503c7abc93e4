"""The sections of a subject's pages: what to look for, and the pictures that show it."""
