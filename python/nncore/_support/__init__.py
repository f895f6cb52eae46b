"""For every package of nncore: argument checks, files, HTML, Ctrl-C, threads. Independent of models and training."""
