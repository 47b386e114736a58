// Package exec runs the programs that an administrator has pinned: the actions
// exec.read and exec.run.
//
//	provider, err := exec.New(exec.Options{Programs: map[string]exec.Program{
//		"rotate": {File: exec.File{Path: "/opt/ir/rotate", SHA256: sum}, Env: []string{"TOKEN"}, Effects: []actions.Effect{actions.Destructive}},
//	}})
//	provider.Register(registry)
//
// # What it keeps to
//
//   - A runbook names a program, never a path. There is no shell: arguments are
//     handed over one by one, as they are.
//   - What runs is what was checked. The file is copied into an anonymous file in
//     memory, its SHA-256 is taken from that copy, the copy is sealed so that
//     nobody can write to it any more, and the copy is started. Whoever changes
//     the file, or puts another in its place, at any moment, changes nothing.
//   - The environment of a program holds the names on its own list, and five
//     that say on whose behalf it runs: FIREBREAK_INCIDENT, FIREBREAK_RUN,
//     FIREBREAK_STEP, FIREBREAK_ATTEMPT and FIREBREAK_KEY, the idempotency key.
//   - A secret is given by reference, in env alone. Its value is masked in all
//     that the program writes.
//   - A program leads a process group of its own. At the time limit, and when the
//     call is cancelled, the whole group is asked to end and is killed after a
//     short grace. When the program ends by itself, what it left in its group is
//     killed too.
//   - When firebreak dies, the kernel kills the program. The intent is in the
//     journal by then; the step is in doubt, and its verify program is asked.
//
// # Scripts
//
// A file that begins with #! is refused as it is: the kernel would start
// whatever stands at the path in that line, and nobody has checked it. Name the
// interpreter in the configuration, with a sum of its own; then it is sealed in
// the same way, started, and given the sealed script as /proc/self/fd/4.
//
// # Exit codes
//
// A verify program answers 0 for "the effect is there", 1 for "it is not", and
// anything else for "I cannot tell". After a crash the same answers decide
// whether the step is done, may be tried again, or goes to a person. A code of
// exec.run that the step does not list leaves the outcome open: a program that
// fails half way is not one that did nothing. Mind languages whose programs end with
// 1 when they fail (Python, Go's log.Fatal): a verify program must catch its own
// failures and end with another code, or "it broke" reads as "the effect is not there".
//
// # What it cannot promise
//
//   - Libraries that a program loads, modules that a script imports and files
//     that it reads are not covered by its sum. Link statically, or pin the whole image.
//   - A process that leaves its group (setsid, a daemon) escapes the kill, and one
//     that a program started outlives a crash of firebreak when the program itself
//     is killed. Both carry FIREBREAK_KEY in their environment unless they
//     wiped it; after a time-out and before an attempt in doubt is judged they are
//     looked for by it, and named.
//   - Masking knows a secret as it is, in base64 at any offset, hex, URL and JSON
//     form, and line by line. A program that turns it round, compresses it or
//     prints it letter by letter gets it through.
//   - Only values that a step gives by reference are masked. What a program takes from
//     firebreak's own environment is taken for no secret.
//   - Users with the same uid can read the environment of a program, as always.
//   - A sealed copy has no set-uid bit and no file capabilities, and it does not
//     know its own path: os.Executable and the like name no file.
//
// # Design
//
// It runs on Linux alone: elsewhere the file that was checked cannot be the one
// that is started. Checking the sum and starting by path was rejected, because a
// rename fits in between; starting /proc/self/fd of the opened file was rejected
// because its owner can still write into it. A helper process that outlives
// firebreak and kills whole groups was rejected: it would be one more thing to
// pin and to watch, and the parent-death signal needs nobody. That signal is
// tied to the thread that started the program, not to the process, so the
// thread is locked and waits until the program has ended.
package exec
