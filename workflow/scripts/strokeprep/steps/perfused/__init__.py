"""What is told of perfusion beside its maps: regions, and the curves of single places."""
