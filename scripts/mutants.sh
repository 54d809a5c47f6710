#!/bin/sh
# Plants the bugs of scripts/mutants/*.patch, one at a time, in a copy of the tree and shows that the tests catch each.
# A patch begins with what the bug is and with the tests that must fail: packages, then -run and its patterns.
# Arguments: names of patches without .patch; none: all. Exit status 1 if a bug survives, or no longer applies.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT INT TERM
(cd "$root" && git ls-files -z --cached --others --exclude-standard | tar --null -T - -cf -) | tar -xf - -C "$copy"
cd "$copy"
git init -q . && git add -A && git -c user.name=mutants -c user.email=mutants@localhost commit -qm tree

[ $# -gt 0 ] || set -- $(cd "$root/scripts/mutants" && ls *.patch | sed 's/\.patch$//')
planted=0 caught=0 wrong=
for name in "$@"; do
	patch=$root/scripts/mutants/$name.patch
	planted=$((planted + 1))
	bug=$(sed -n 's/^Bug: //p' "$patch")
	tests=$(sed -n 's/^Tests: //p' "$patch")
	if ! git apply "$patch" 2>"$copy/.out"; then
		verdict="DOES NOT APPLY"
	elif ! go build ./... >"$copy/.out" 2>&1; then
		verdict="DOES NOT COMPILE"
	else
		# shellcheck disable=SC2086 # the line holds several arguments
		if go test -count=1 -failfast -parallel 8 -timeout 2m $tests >"$copy/.out" 2>&1; then
			verdict=SURVIVED
		elif grep -q '^FAIL.*\[build failed\]\|^FAIL.*\[setup failed\]' "$copy/.out"; then
			verdict="DOES NOT COMPILE"
		else
			verdict=caught caught=$((caught + 1))
		fi
	fi
	by=
	if [ "$verdict" = caught ]; then
		by=$(sed -n 's/^--- FAIL: \([A-Za-z]*\).*/\1/p; s/^panic: test timed out.*/the time limit/p' "$copy/.out" | head -1)
	else
		wrong="$wrong $name"
		sed 's/^/    /' "$copy/.out" | tail -5
	fi
	printf '%-26s %-9s %-34s %s\n' "$name" "$verdict" "${by:--}" "$bug"
	git checkout -q . && git clean -qfd
done
echo "$caught of $planted planted bugs are caught."
[ -z "$wrong" ] || { echo "Not caught:$wrong" >&2; exit 1; }
