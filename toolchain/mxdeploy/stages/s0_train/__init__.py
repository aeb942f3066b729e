"""Stage 0: labelled data and a torch module to a trained network. The only place with torch."""
