#!/usr/bin/env bats
# mkx.mk in a Makefile of one's own, and the systemd units, from outside.

setup() {
    cd "$BATS_TEST_DIRNAME/.." || return
    repository=$PWD
    # `make test` runs this; the make of the tests is nobody's child.
    unset MAKEFLAGS MAKELEVEL MFLAGS
}

@test "a Makefile that includes mkx.mk keeps its default target and lists mkx's" {
    printf 'include %s/mkx.mk\nmine: ; @echo mine\n' "$repository" >"$BATS_TEST_TMPDIR/Makefile"
    run make --directory="$BATS_TEST_TMPDIR" --no-print-directory
    [ "$status" -eq 0 ]
    [ "$output" = mine ]
    run make --directory="$BATS_TEST_TMPDIR" --no-print-directory mkx-help
    [ "$status" -eq 0 ]
    [[ $output == *'make mkx-refresh '* ]]
}

@test "mkx.mk alone lists its targets" {
    run make --file=mkx.mk
    [ "$status" -eq 0 ]
    [[ $output == *'make mkx-audit '* ]]
}

@test "every target that is listed is a command that exists" {
    targets=$(awk -F: '/^mkx-[a-z0-9-]+:.*## / && $1 != "mkx-help" {print $1}' mkx.mk)
    [ -n "$targets" ]
    for target in $targets; do
        # --help after the verb: the program, its verb and the script must be there.
        run make --file="$repository/mkx.mk" "$target" MKX_FLAGS=--help
        echo "$target: $output"
        [ "$status" -eq 0 ]
    done
}

@test "make says what it would do and does it" {
    run make --file=mkx.mk --dry-run mkx-refresh MKX_SITE=/nowhere/site.json MKX_FLAGS='--percent 20'
    [ "$status" -eq 0 ]
    [ "$output" = "'$repository/scripts/refresh' --percent 20" ]
    cat >"$BATS_TEST_TMPDIR/beside" <<END
mkx-sample policy init --quiet --preset makapix >/dev/null
site=\$MKX_SITE
unset MKX_SITE
make --silent --file=$repository/mkx.mk mkx-refresh MKX_SITE=\$site MKX_FLAGS=--quiet >$BATS_TEST_TMPDIR/record
make --silent --file=$repository/mkx.mk mkx-verify MKX_SITE=\$site MKX_FLAGS=--quiet >$BATS_TEST_TMPDIR/judged
END
    run makapix-world --quiet --users 100 -- bash -e "$BATS_TEST_TMPDIR/beside"
    echo "$output"
    [ "$status" -eq 0 ]
    jq --exit-status '.record == "mkx.refresh.result/1" and .ok and .vault.copied > 0' "$BATS_TEST_TMPDIR/record"
    jq --exit-status .ok "$BATS_TEST_TMPDIR/judged"
}

@test "a target fails where its command does" {
    run make --file=mkx.mk mkx-refresh MKX_SITE=/nowhere/site.json
    [ "$status" -eq 2 ]
    [[ $output == *'Error 3'* ]]
}

@test "the units are right, and the service is fenced in" {
    units=$BATS_TEST_TMPDIR/units
    mkdir "$units"
    cp scripts/systemd/* "$units"
    # The program that it starts is not installed where tests run.
    sed --in-place "s|^ExecStart=[^ ]*|ExecStart=$repository/scripts/refresh|" "$units/mkx-refresh.service"
    run systemd-analyze verify --man=no "$units/mkx-refresh.service" "$units/mkx-refresh.timer"
    echo "$output"
    [ "$status" -eq 0 ]
    # What it does not know is a warning and no failure.
    if grep --fixed-strings mkx-refresh <<<"$output"; then false; fi
    run systemd-analyze security --offline=true --threshold=30 "$units/mkx-refresh.service"
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "a rollout that is told to end ends what it runs, and nothing after it is run" {
    bin=$BATS_TEST_TMPDIR/bin
    mkdir "$bin"
    cat >"$bin/mkx-compose" <<END
#!/usr/bin/env bash
echo '{"state_directory":"$BATS_TEST_TMPDIR/state","sample":{"policy":"$bin/mkx-sample"}}'
END
    cat >"$bin/mkx-sample" <<END
#!/usr/bin/env bash
case \$1 in
    policy) echo '{"findings":[]}' ;;
    plan) echo '{"roots":{},"rows":1}' ;;
    run) trap 'echo ended >>$BATS_TEST_TMPDIR/said; exit 130' TERM
        echo runs >>$BATS_TEST_TMPDIR/said
        for _ in {1..200}; do sleep 0.1; done ;;
    *) echo "\$1" >>$BATS_TEST_TMPDIR/said ;;
esac
END
    cp "$bin/mkx-compose" "$bin/mkx-vault"
    chmod +x "$bin"/*
    PATH=$bin:$PATH scripts/rollout --from 2 --to 3 >"$BATS_TEST_TMPDIR/record" 3>&- &
    rollout=$!
    until [ -e "$BATS_TEST_TMPDIR/said" ]; do kill -0 "$rollout"; sleep 0.1; done
    kill -TERM "$rollout"
    code=0
    wait "$rollout" || code=$?
    [ "$code" -eq 130 ]
    [ "$(cat "$BATS_TEST_TMPDIR/said")" = $'runs\nended' ]
    jq --exit-status '[.phases[] | [.phase, .exit_code]] == [[2, 130]]' "$BATS_TEST_TMPDIR/record"
}
