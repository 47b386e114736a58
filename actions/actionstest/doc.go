// Package actionstest is the suite that every action passes.
//
// Say in a [Case] how to make a fresh world around the action, and call [Run]:
//
//	actionstest.Run(t, actionstest.Case{
//		Action: "aws.iam.deactivate_access_key",
//		World:  func(t *testing.T) actionstest.World { ... },
//	})
//
// It proves what the engine relies on:
//
//   - the declaration is complete: docs, rights for each phase, blast radius
//   - Plan changes nothing, and captures what an undo needs
//   - a read changes nothing, and everything else something
//   - a second attempt with the same key changes nothing more, or, for actions
//     that repeat by probe, the probe finds the first one
//   - Verify says verified after the effect, and neither before it nor after
//     somebody took it away
//   - Undo brings the target back exactly as it was, and twice is once
//   - an effect whose answer was lost is unknown, and ends right
//   - every error has its class, and one that promises no effect had none
//   - results fit the declared outputs
//   - secrets reach no output, in any of the usual encodings
//
// # Design
//
// Every part gets a world of its own, so that parts cannot help each other. The
// state of the target is read by a function of the case, which must not use the
// action's own code, and is compared as text.
package actionstest
