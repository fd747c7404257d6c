#!/bin/sh
# Joins the numbered parts beside this script and unpacks them into the folder given, or here: a folder `parallax`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
chmod +x "$here/archive"
exec "$here/archive" unpack "$here/parallax.tar.xz" "${1:-.}"
