"""mxdeploy: any trained CNN to proved firmware on the MAX78000."""

__version__ = "0.1.0"
