#!/bin/sh
# Builds scan.x86_64.so beside scan.c, or where the first argument says: the same bytes from the same compiler.
set -eu
cd "$(dirname "$0")"
exec "${CC:-gcc}" -std=gnu11 -O3 -ffp-contract=off -fno-math-errno -fPIC -shared -fno-ident -Wall -Wextra -Werror \
  -Wl,--build-id=none -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -s -o "${1:-scan.x86_64.so}" scan.c
