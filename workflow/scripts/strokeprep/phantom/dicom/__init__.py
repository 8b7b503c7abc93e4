"""The simulated patients as a PACS export: DICOM files with the habits of four makers of scanners."""
