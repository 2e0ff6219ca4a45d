"""The embedding model: an autoencoder over a subject's titles, warm-started from a release and refined by DP-SGD.

A sample is a subject. Encoder and decoder begin as the release's eigenvectors, which costs nothing; a few private
steps by Opacus then move the decoder. Serving one needs NumPy and SciPy alone; only ``recommender.autoencoder.
training`` loads torch, Opacus and OpenDP.

What it buys. At equal total ε on MovieLens-1M (δ = 1e-5, defaults, 500 test subjects of one division, at ε = 1 of two,
beside the free models of a release that had the whole ε to itself):

| Recall@20 (NDCG@100) | ε = 1 | 5 | 20 |
|---|---|---|---|
| free: svd | 0.261 (0.332) | 0.310 (0.379) | 0.340 (0.411) |
| free: ensemble | 0.263 (0.330) | 0.311 (0.383) | 0.344 (0.411) |
| autoencoder | 0.250 (0.314) | 0.305 (0.367) | 0.338 (0.402) |

So what it takes from the release is worth more to the free models at each of these ε, least so at 20. Whoever has a
release needs no autoencoder on such data; measure before paying for one.

Tried before releases had a lens, and left: the multinomial likelihood of Mult-DAE, dropout of the input, training a
square middle layer, shares of 15 % and 50 % of μ², clipping at 0.3, one to four full steps without sampling.
"""
