package cloudtrail

// RegisterPaced is Register with another pause than real time.
var RegisterPaced = register
