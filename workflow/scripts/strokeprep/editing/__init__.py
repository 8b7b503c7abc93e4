"""A correction at a person's desk: what an editor opens, and the way back into the folder of corrections."""
