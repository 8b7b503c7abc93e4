"""What a person asks before and between runs: what a folder holds, where a study stands, what is installed."""
