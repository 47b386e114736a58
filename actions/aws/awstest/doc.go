// Package awstest runs tests against emulators of AWS: the one in this
// repository, awsfake, which knows IAM, and moto when moto_server is installed.
//
//	for _, emulator := range awstest.Start(t) {
//		t.Run(emulator.Name, func(t *testing.T) {
//			world := emulator.World(t)
//			...
//		})
//	}
//
// A [World] is empty at the start of each test. It is reached through a
// [Proxy], which loses answers, delays and refuses calls, and records them, and
// it is looked at by an SDK client of its own that goes around the proxy.
//
// [Policies] judge a call as IAM would, and [World.Needs] says which rights a
// recorded call needs, so that what actions declare can be held against what they
// call ([ExactRights]). [World.Faults] are the faults of the wire and of a service,
// by the names that the suite of actions uses.
//
// Without moto_server its tests are skipped, which is said in so many words.
// FIREBREAK_REQUIRE_EMULATOR=1 makes that a failure instead.
//
// # Design
//
// Faults are made in front of the emulator and not inside it, so that both
// emulators get the same ones. Each emulator is started once by the test that
// calls Start, and reset between worlds, because moto needs a second or two to
// start.
package awstest
