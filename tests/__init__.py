"""Tests of mxdeploy; folders mirror the package."""
