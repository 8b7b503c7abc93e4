"""Settings of what is made of a study that is finished."""
