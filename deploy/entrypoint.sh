#!/bin/sh
# Numba needs a writable cache of compiled kernels, and the image may be read-only: make a copy, about 20 MB.
# Compiling again would take a minute or more.
set -eu
if [ ! -d "$NUMBA_CACHE_DIR" ]; then
  cp -R /opt/nearline/kernels "$NUMBA_CACHE_DIR"
fi
exec nearline "$@"
