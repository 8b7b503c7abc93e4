"""From the scanner's DICOM to raw BIDS: what is certain is converted, what is not waits and says why."""
