"""The embedding model: an autoencoder over a subject's titles, warm-started from a release and refined by DP-SGD.

A sample is a subject. Encoder and decoder begin as the release's eigenvectors, which costs nothing; a few private
steps by Opacus then move the decoder. Serving one needs numpy alone; training one is ``recommender.autoencoder.
training``, and only that loads torch, Opacus and OpenDP.
"""
