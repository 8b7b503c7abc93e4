"""MR perfusion."""

PWI = kinds.KINDS["pwi"]
MR_SERIES = naming.Pattern(datatype=PWI.scan.datatype, mask_datatype=PWI.scan.mask_datatype)
