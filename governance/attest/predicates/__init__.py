"""One module for each shape of statement. `governance.attest.registry` lists them."""
