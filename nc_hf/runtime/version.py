"""The version of nc_hf, which every report, file and result names."""

VERSION = "0.1.0"
