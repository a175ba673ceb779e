"""The report: claims with their verdicts and derivations as one HTML file, or as a fragment in a notebook."""
