# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories as verified releases: copy, publish, switch, verify, prune. PRIVATE to the collection.

The module release calls these functions. A copy alone runs as a program of its own, as a service of systemd (see
cli), because it takes hours: it reports its progress in a file, and is simply started again after a kill or a reboot.

A store is one directory for each model:

    releases/DIGEST/           a complete release, never changed; DIGEST is the SHA-256 of its manifest
    releases/DIGEST/.release/  manifest.json; marks; local (the stat of each file when it was verified); source (what it
                               was copied from)
    current, previous          links to releases; only a switch moves them
    .state/                    copy.lock, switch.lock, status.json, history (releases in the order in which they came,
                               the newest last), incoming/ (what a copy has so far), trash/ (what is being removed)

Two phases: `sync` copies and verifies a release on every host and moves no link; `Store.switch` moves the link, and
is called only when all hosts have the same digest.

Marks: after each block of a file the running SHA-256 of all bytes up to there is kept. The last mark is the SHA-256
of the file, so they cost no second hash. They say up to where a partial file is good, and name the first block that
is not.

Two locks: `copy.lock` for as long as a copy takes, `switch.lock` for the moments of publish, switch and prune, so
that a rollback never waits for a copy. The kernel frees both when their holder dies, however it dies.

Several hosts get a release from each other in a chain while they receive it: see peers and wire.

After a kill -9 or a power cut: nothing in `incoming` is trusted. Each block there is hashed again and compared with
the journal of marks, and the copy goes on at the first that does not match. A release appears under its name by one
rename, after everything in it was flushed, a link moves by one rename, and a release is removed by one rename into
the trash first.
"""
