"""Pictures of arrays: slices, surfaces and curves, in colours that any colour vision tells apart."""
