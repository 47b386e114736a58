package awstest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// readCall finds out which operation a request is: by its form in the query
// protocols, its target in the JSON protocols, its method and path in REST.
func readCall(r *http.Request, body []byte) Call {
	call := Call{UserAgent: r.UserAgent(), Path: r.URL.EscapedPath(), Header: r.Header.Clone(), Form: r.URL.Query()}
	_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	parts := strings.Split(strings.SplitN(scope, ",", 2)[0], "/")
	service := ""
	if len(parts) == 5 {
		call.Region, service = parts[2], parts[3]
	}
	switch target := r.Header.Get("X-Amz-Target"); {
	case target != "":
		call.Operation = service + ":" + target[strings.LastIndex(target, ".")+1:]
		_ = json.Unmarshal(body, &call.Body) // what is no JSON names nothing
	case strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		call.Form, _ = url.ParseQuery(string(body)) // what is no form has no operation
		call.Operation = service + ":" + call.Form.Get("Action")
	case r.Header.Get("Authorization") == "": // only S3 is asked by nobody
		call.Operation = Anonymous + ":" + restOperation("s3", r)
	default:
		call.Operation = service + ":" + restOperation(service, r)
		_ = json.Unmarshal(body, &call.Body)
	}
	return call
}

// Anonymous is the service of calls to S3 that nobody signed:
// "anonymous:ListObjectsV2".
const Anonymous = "anonymous"

// rest is one operation of a REST protocol. Its query names a parameter that
// must be there; without one, no parameter of another row may be.
type rest struct {
	method, path, query, operation string
}

// restOperation looks a request up in the table of its service.
func restOperation(service string, r *http.Request) string {
	for _, row := range restTable(service) {
		if row.method == r.Method && regexp.MustCompile("^"+row.path+"$").MatchString(r.URL.EscapedPath()) && (row.query == "" || r.URL.Query().Has(row.query)) &&
			(row.operation != "CopyObject" || r.Header.Get("X-Amz-Copy-Source") != "") {
			return row.operation
		}
	}
	return r.Method + " " + r.URL.EscapedPath()
}

// restTable lists the operations of a service, those with a query first.
func restTable(service string) []rest {
	switch service {
	case "s3":
		return s3Operations()
	case "lambda":
		return lambdaOperations()
	}
	return nil
}

// refuse answers with an error in the form of the call's protocol.
func (c Call) refuse(w http.ResponseWriter, status int, code string) {
	service, _, _ := strings.Cut(c.Operation, ":")
	switch {
	case c.Header.Get("X-Amz-Target") != "" || service == "lambda":
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.Header().Set("X-Amzn-Requestid", "fault-1")
		w.Header().Set("X-Amzn-Errortype", code)
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"__type":%q,"message":"made by the test","Message":"made by the test"}`, code)
		return
	}
	text := "<ErrorResponse><Error><Code>" + code + "</Code><Message>made by the test</Message></Error><RequestId>fault-1</RequestId></ErrorResponse>"
	switch {
	case strings.HasSuffix(c.Operation, "AccountPublicAccessBlock"): // S3 Control wraps its errors, unlike S3
		w.Header().Set("X-Amz-Request-Id", "fault-1")
	case service == "ec2":
		text = "<Response><Errors><Error><Code>" + code + "</Code><Message>made by the test</Message></Error></Errors><RequestID>fault-1</RequestID></Response>"
	case service == "s3", service == Anonymous:
		w.Header().Set("X-Amz-Request-Id", "fault-1")
		text = "<Error><Code>" + code + "</Code><Message>made by the test</Message><RequestId>fault-1</RequestId></Error>"
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}
