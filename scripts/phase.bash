#!/usr/bin/env bash
# What the phases of the rollout do alike: their steps, what is left to do, and the record
# mkx.phase/1 that says both. A phase sets `phase`, sources this, and reads its options.

# Sets work, a folder that goes with the script.
work=$(mktemp --directory)
trap 'rm --recursive --force "$work"' EXIT
touch "$work/steps" "$work/todo"
dry_run=''

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; }

say() { printf 'phase-%s: %s\n' "${phase:?}" "$*" >&2; }

wrong_usage() {
    say "error: $1"
    printf 'phase-%s: hint: %s --help\n' "$phase" "$0" >&2
    exit 2
}

# value OPTION [VALUE]...: stops where the option came last.
value() { (($# > 1)) || wrong_usage "$1 needs a value"; }

note() { jq --null-input --compact-output --arg step "$1" --argjson code "$2" '{step: $step, exit_code: $code}' >>"$work/steps"; }

todo() {
    say "to do: $1"
    jq --null-input --compact-output --arg what "$1" '$what' >>"$work/todo"
}

# finish CODE: prints the record and ends.
finish() {
    jq --null-input --compact-output --argjson phase "$phase" --argjson code "$1" \
        --slurpfile steps "$work/steps" --slurpfile todo "$work/todo" \
        '{record: "mkx.phase/1", phase: $phase, ok: ($code == 0), steps: $steps, todo: $todo}'
    exit "$1"
}

# end: done, or something is left to do. A dry run does not fail because of what it found.
end() {
    if [[ -s $work/todo && ! $dry_run ]]; then finish 1; fi
    finish 0
}

child='' interrupted=''
# A terminal's Ctrl-C reaches the step by itself, and a second signal would end it at once.
trap 'interrupted=yes' INT
trap 'interrupted=yes; if [[ $child ]]; then kill -TERM "$child" 2>/dev/null || true; fi' TERM

# attend FILE COMMAND...: runs a command to its end; what it writes goes into FILE, its code into $code.
attend() {
    local file=$1
    shift
    code=130
    if [[ $interrupted ]]; then return; fi
    # In the background, because bash attends to a signal only between two commands.
    "$@" </dev/null >"$file" &
    child=$!
    code=0
    wait "$child" || code=$?
    while [[ $interrupted ]] && kill -0 "$child" 2>/dev/null; do wait "$child" || true; done
    child=''
    if [[ $interrupted ]]; then code=130; fi
}

# step COMMAND...: has to succeed; what it writes goes into $work/record.
step() {
    local code=0
    say "$*"
    attend "$work/record" "$@"
    note "$*" "$code"
    if ((code)); then finish "$code"; fi
}

# change COMMAND...: a step that a dry run only names.
change() {
    if [[ $dry_run ]]; then
        say "would run: $*"
    else
        step "$@"
    fi
}

# question NAME COMMAND...: may answer no; what it writes goes into $work/NAME.
question() {
    local name=$1 code=0
    shift
    say "$*"
    attend "$work/$name" "$@"
    note "$*" "$code"
    if ((code > 1)); then finish "$code"; fi
    return "$code"
}
