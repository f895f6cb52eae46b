"""What every package of nncore may use: argument checks, files, HTML, Ctrl-C, threads. Knows nothing of nets."""
