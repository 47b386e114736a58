# Reads `go test -v` and then a line "exit N": prints one line a package, all
# that a failing package said, and at the end what was skipped and why. Ends
# with N.  Use: { go test -v ./... 2>&1; echo "exit $?"; } | awk -f .tools/report.awk

function keep(text) { said[lines++] = text }

function forget() { for (i = 0; i < lines; i++) delete said[i]; lines = 0; test = "" }

/^exit [0-9]+$/ { status = $2; next }

# Which test is talking.
/^=== (RUN|NAME|CONT) / { test = $3; next }
/^=== PAUSE / { next }
/^ *--- PASS: / { next }
/^ *--- SKIP: / {
	name = $3
	why = reason[name] == "" ? "no reason was given" : reason[name]
	if (!(why in skipped)) whys[reasons++] = why
	skipped[why]++
	if (skipped[why] == 1) example[why] = name
	total++
	next
}
/^ +[^ ]+_test\.go:[0-9]+: |^ +[a-z_]+\.go:[0-9]+: / {
	text = $0
	sub(/^ +[^ ]+\.go:[0-9]+: /, "", text)
	reason[test] = text
	keep($0)
	next
}

# What does not belong to one test.
/^# / || /^[^ ]+\.go:[0-9]+(:[0-9]+)?: / || /^go: / { print; next }
/^\?   / { bare++; next }
/^ok  / { print; packages++; forget(); next }
/^FAIL\t/ {
	for (i = 0; i < lines; i++) print said[i]
	print
	failed++
	forget()
	next
}
/^(PASS|FAIL|coverage: .*)$/ { next }
{ keep($0) }

END {
	for (i = 0; i < lines; i++) print said[i]
	printf "\n%d packages passed, %d failed, %d have no tests of their own.\n", packages, failed, bare
	if (!total) print "No test was skipped."
	else {
		printf "%d tests were skipped:\n", total
		for (i = 0; i < reasons; i++) {
			why = whys[i]
			printf "  %s: %s%s\n", example[why], why, (skipped[why] > 1 ? sprintf(" (and %d more)", skipped[why] - 1) : "")
		}
	}
	if (status == "") { print "go test did not end by itself."; status = 1 }
	exit status
}
