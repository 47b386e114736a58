// Package lambda holds the actions named aws.lambda.*: what stops a function.
//
// # Design
//
// A function is stopped by a reserved concurrency of zero, and by disabling what
// feeds it from queues and streams. Both are read beforehand, and "no reserved
// concurrency" is kept apart from any number, zero included: to go back from
// nothing is to delete the setting, not to write a number that takes capacity from
// all other functions of the account.
//
// Taking its permissions, its URL or its role away was rejected. With zero
// concurrency nothing that they let in runs any more, and there would be more to
// put back. What keeps them from mattering is shown in the preview, since all of it
// works again after the undo.
//
// Mappings are found by listing all of the region and comparing the function, as
// AWS lists by one qualifier at a time: a mapping to an alias would be missed.
//
// The configuration of a function holds its environment variables, which often are
// secrets. No more than role and ARN of it leave this package.
package lambda
