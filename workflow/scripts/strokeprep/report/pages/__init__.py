"""Pages for people, each one HTML file that holds all it shows."""
