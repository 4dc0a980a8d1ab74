# Sourced by the tests of packages. Each check is a line of $CHECKS; a failed one makes the script fail at its end.
: "${CHECKS:=$(mktemp)}"
export CHECKS
failed=0

# check WHAT COMMAND...: run a command, note whether it succeeded, go on.
check() {
    local what=$1 log
    shift
    log=$(mktemp)
    if "$@" > "$log" 2>&1; then
        echo "ok      $what" | tee -a "$CHECKS"
    else
        echo "FAILED  $what" | tee -a "$CHECKS"
        tail -n 15 "$log" | sed 's/^/        | /'
        failed=1
    fi
    rm -f "$log"
}

# report_says REPORT EXPRESSION: whether a Python expression of the self-test's report r is true.
report_says() {
    python3 -c 'import json, sys; r = json.load(open(sys.argv[1])); sys.exit(not eval(sys.argv[2]))' "$1" "$2"
}

# start_xvfb: a display without a screen; sets DISPLAY and stops it when the script ends.
start_xvfb() {
    local number
    number=$(mktemp)
    Xvfb -displayfd 3 -screen 0 1280x900x24 -nolisten tcp 3> "$number" > /dev/null 2>&1 &
    xvfb=$!
    for _ in $(seq 100); do
        [ -s "$number" ] && break
        sleep 0.1
    done
    display=:$(cat "$number")
    rm -f "$number"
}

stop_xvfb() {
    if [ -n "${xvfb:-}" ]; then kill "$xvfb" 2> /dev/null || true; fi
}
