"""Reports: pictures, numbers with limits, subject and cohort pages, methods text.

Everything here reads the derivatives folder alone; no raw image, so no face, can get into a page.
"""
