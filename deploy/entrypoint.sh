#!/bin/sh
# Numba refuses a cache of compiled kernels that it cannot write to, and the image may be read-only: give it a
# copy, about 20 MB. Compiling them anew would take a minute.
set -eu
if [ ! -d "$NUMBA_CACHE_DIR" ]; then
  cp -R /opt/nearline/kernels "$NUMBA_CACHE_DIR"
fi
exec nearline "$@"
