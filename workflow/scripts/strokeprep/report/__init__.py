"""Reports: subject and cohort pages, figures with limits, methods text, provenance.

Pages are made from the derivatives, after defacing, so they cannot show a face. The one page that
shows faces is asked for in the config and written outside of the dataset.
"""
