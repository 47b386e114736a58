package timeline

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"

	"github.com/firebreak-ir/firebreak/engine"
)

// maxOCSFMessage is the longest message of an event, in bytes; what is cut is counted.
const maxOCSFMessage = 8 << 10

// ocsfEvent is one line of the ocsf form.
type ocsfEvent struct {
	ActivityID   int            `json:"activity_id"`
	ActivityName string         `json:"activity_name"`
	CategoryUID  int            `json:"category_uid"`
	CategoryName string         `json:"category_name"`
	ClassUID     int            `json:"class_uid"`
	ClassName    string         `json:"class_name"`
	TypeUID      int            `json:"type_uid"`
	TypeName     string         `json:"type_name"`
	SeverityID   int            `json:"severity_id"`
	Severity     string         `json:"severity"`
	StatusID     int            `json:"status_id"`
	Status       string         `json:"status"`
	StatusDetail string         `json:"status_detail,omitempty"`
	Time         int64          `json:"time"` // milliseconds
	Duration     int64          `json:"duration,omitempty"`
	Message      string         `json:"message"`
	Metadata     ocsfMetadata   `json:"metadata"`
	Findings     []ocsfFinding  `json:"finding_info_list,omitempty"` // 2005
	Assignee     *ocsfUser      `json:"assignee,omitempty"`          // 2005, this or the group
	Group        *ocsfGroup     `json:"assignee_group,omitempty"`
	CommandUID   string         `json:"command_uid,omitempty"`  // 7001
	Actor        *ocsfActor     `json:"actor,omitempty"`        // 3005, 3007, 6003
	User         *ocsfUser      `json:"user,omitempty"`         // 3005, 3007
	API          *ocsfAPI       `json:"api,omitempty"`          // 6003
	Source       *ocsfEndpoint  `json:"src_endpoint,omitempty"` // 6003
	Resources    []ocsfResource `json:"resources,omitempty"`    // 3005, 3007, 6003
	Attestations []ocsfAttest   `json:"attestation_list,omitempty"`
	Unmapped     ocsfUnmapped   `json:"unmapped"`
}

type ocsfMetadata struct {
	Version        string      `json:"version"` // of the schema
	Product        ocsfProduct `json:"product"`
	LogName        string      `json:"log_name"`
	LogProvider    string      `json:"log_provider"`
	UID            string      `json:"uid"`
	CorrelationUID string      `json:"correlation_uid"`
	Sequence       int64       `json:"sequence"`
	EventCode      string      `json:"event_code"`
	OriginalTime   string      `json:"original_time"` // with microseconds
	Labels         []string    `json:"labels"`
	Profiles       []string    `json:"profiles,omitempty"`
}

type ocsfProduct struct {
	Name   string `json:"name"`
	Vendor string `json:"vendor_name"`
}

type ocsfFinding struct {
	UID     string `json:"uid"`
	Title   string `json:"title"`
	Created int64  `json:"created_time"`
}

type ocsfUser struct {
	UID  string `json:"uid,omitempty"`
	Name string `json:"name,omitempty"`
	Type string `json:"type,omitempty"`
}

type ocsfGroup struct {
	Name string `json:"name"`
}

type ocsfActor struct {
	User *ocsfUser `json:"user,omitempty"`
	App  string    `json:"app_name,omitempty"`
}

type ocsfAPI struct {
	Operation string `json:"operation"`
}

type ocsfEndpoint struct {
	Name string `json:"name"`
}

type ocsfResource struct {
	UID    string `json:"uid"`
	Type   string `json:"type"`
	Region string `json:"region,omitempty"`
}

// ocsfUnmapped holds what the schema has no place for.
type ocsfUnmapped struct {
	Type       string   `json:"fb_type"`
	Kind       string   `json:"fb_kind"`
	ActorType  string   `json:"fb_actor_type,omitempty"`
	ActorID    string   `json:"fb_actor,omitempty"`
	ActorName  string   `json:"fb_actor_name,omitempty"`
	ActorVia   string   `json:"fb_actor_via,omitempty"`
	Run        string   `json:"fb_run,omitempty"`
	Runbook    string   `json:"fb_runbook,omitempty"`
	Digest     string   `json:"fb_runbook_digest,omitempty"`
	Step       string   `json:"fb_step,omitempty"`
	Attempt    int      `json:"fb_attempt,omitempty"`
	Action     string   `json:"fb_action,omitempty"`
	Outcome    string   `json:"fb_outcome,omitempty"`
	Plan       string   `json:"fb_plan_digest,omitempty"`
	Targets    []string `json:"fb_targets,omitempty"`
	Refs       []string `json:"fb_refs,omitempty"`
	Observed   string   `json:"fb_observed_at,omitempty"`
	Corrected  string   `json:"fb_corrected,omitempty"`
	Hidden     string   `json:"fb_hidden,omitempty"`
	Hash       string   `json:"fb_hash,omitempty"`
	Prev       string   `json:"fb_prev_hash,omitempty"`
	Checkpoint string   `json:"fb_checkpoint,omitempty"`
}

// ocsf writes the ocsf form.
type ocsf struct {
	telling
	version string               // of the schema, in full
	actions map[stepKey]stepDoes // what each step does; grows with the steps
	closed  bool
	noted   int64  // size of the journal whose checkpoint was written last
	prev    hashed // the fact before the one that was learned last
	last    hashed // that one
}

type stepKey struct{ run, step string }

// hashed is a fact whose record's hash is known.
type hashed struct{ hash, uid string }

// stepDoes is the action of a step, and its effect.
type stepDoes struct{ action, effect string }

// ocsfVersions are those that can be asked for.
var ocsfVersions = map[string]string{"": "1.8.0", "1.8": "1.8.0", "1.8.0": "1.8.0", "1.9": "1.9.0", "1.9.0": "1.9.0"}

func newOCSF(i Incident, o Options) (encoder, error) {
	version, ok := ocsfVersions[o.OCSF]
	if !ok {
		return nil, fmt.Errorf("version %q of the OCSF schema is not known; known: 1.8, 1.9", o.OCSF)
	}
	return &ocsf{telling: telling{i, o, runRefs{}}, version: version, actions: map[stepKey]stepDoes{}}, nil
}

func (c *ocsf) nine() bool { return c.version == "1.9.0" }

func (c *ocsf) learn(row *Row) {
	c.telling.learn(row)
	if row.Hash != "" {
		c.prev, c.last = c.last, hashed{row.Hash, c.id(row)}
	}
	if action := row.Details["action"]; action != "" && row.Type == string(engine.EffectIntent{}.Kind()) {
		c.actions[stepKey{row.Run, row.Step}] = stepDoes{action, row.Details["effect"]}
	}
	if row.Type == string(engine.Resolved{}.Kind()) || row.Type == string(engine.DrillEnded{}.Kind()) {
		c.closed = true
	}
}

func (c *ocsf) line(out *bytes.Buffer, row *Row) error {
	e := c.event(row)
	data, err := marshal(&e)
	if err != nil {
		return err
	}
	out.Write(data)
	out.WriteByte('\n')
	return nil
}

// event makes the event of a row.
func (c *ocsf) event(row *Row) ocsfEvent {
	e := ocsfEvent{
		Time: row.At.UnixMilli(), Duration: row.Millis, Message: clip(Visible(row.Text), maxOCSFMessage),
		Metadata: ocsfMetadata{
			Version: c.version, Product: ocsfProduct{"firebreak", "firebreak"}, LogName: cmp.Or(c.o.Head.Origin, "journal"), LogProvider: "firebreak",
			UID: c.id(row), CorrelationUID: cmp.Or(c.incident.ID, "unknown"), Sequence: row.Seq, EventCode: row.Type,
			OriginalTime: row.occurred().UTC().Format(stampForm), Labels: tags(c.incident, row),
		},
		Unmapped: ocsfUnmapped{
			Type: row.Type, Kind: string(row.Kind), ActorType: row.Actor.Type, ActorID: row.Actor.ID, ActorName: row.Actor.Name, ActorVia: row.Actor.Via,
			Run: row.Run, Step: row.Step, Attempt: row.Attempt, Outcome: row.Outcome, Plan: row.Digest,
			Hash: row.Hash, Prev: row.Prev,
		},
	}
	if run := c.runs[row.Run]; run != nil {
		e.Unmapped.Runbook, e.Unmapped.Digest = run.ID, run.Digest
	}
	if len(row.Targets) > 0 {
		e.Unmapped.Targets = targetList(row.Targets)
	}
	for n := range row.Refs {
		e.Unmapped.Refs = append(e.Unmapped.Refs, clip(requestWords(row.Refs[n:n+1]), maxField))
	}
	if !row.Observed.IsZero() {
		e.Unmapped.Observed = row.Observed.UTC().Format(stampForm)
	}
	if row.Corrected != nil {
		e.Unmapped.Corrected = clip(Visible(row.Corrected.Text), maxField)
	}
	if row.Hidden != nil {
		e.Unmapped.Hidden = clip(Visible(row.Hidden.Reason), maxField)
	}
	c.classify(&e, row)
	if c.nine() {
		c.attest(&e, row)
	}
	return e
}

// classify fills in the class of the event and what the class asks for.
func (c *ocsf) classify(e *ocsfEvent, row *Row) {
	e.SeverityID = rowSeverity(row)
	switch row.Type {
	case string(engine.EffectIntent{}.Kind()), string(engine.EffectOutcome{}.Kind()), string(engine.EffectInDoubt{}.Kind()), string(engine.EffectProbed{}.Kind()),
		string(engine.EffectResolved{}.Kind()), string(engine.EffectLate{}.Kind()), string(engine.EffectVerified{}.Kind()):
		c.effect(e, row)
	default:
		if activity := findingActivity(row); activity != 0 {
			c.finding(e, activity)
		} else {
			e.be(classBase, activityOther, row.Type)
			e.StatusID, e.Status = statusOther, "Recorded"
			if row.Outcome != "" {
				e.Status = row.Outcome
			}
		}
	}
	if engine.IsExercise(c.incident.ID) {
		e.SeverityID = 1 // nobody is called out of bed for an exercise
	}
	e.Severity = severityNames[e.SeverityID]
}

// be says what an event is.
func (e *ocsfEvent) be(class ocsfClass, activity int, name string) {
	e.ActivityID, e.ActivityName = activity, name
	e.CategoryUID, e.CategoryName = class.category, class.categoryName
	e.ClassUID, e.ClassName = class.uid, class.name
	e.TypeUID, e.TypeName = class.uid*100+activity, class.name+": "+name
	if activity == activityOther {
		e.TypeName = class.name + ": Other"
	}
}

// finding makes it an event of the incident itself.
func (c *ocsf) finding(e *ocsfEvent, activity int) {
	e.be(classFinding, activity, findingNames[activity])
	e.StatusID, e.Status = 2, "In Progress"
	switch {
	case activity == findingCreate:
		e.StatusID, e.Status = 1, "New"
	case c.closed:
		e.StatusID, e.Status = 4, "Resolved"
	}
	e.SeverityID = incidentSeverity(c.incident.Severity)
	e.Findings = []ocsfFinding{{UID: cmp.Or(c.incident.ID, "unknown"), Title: clip(Visible(c.incident.Title), maxField), Created: c.incident.DeclaredAt.UnixMilli()}}
	e.Metadata.Profiles = []string{"incident"}
	if by := c.incident.DeclaredBy; by.Type == string(engine.Person) && by.ID != "" {
		e.Assignee = &ocsfUser{UID: by.ID, Name: cmp.Or(by.Name, by.ID)}
	} else {
		e.Group = &ocsfGroup{Name: "responders"}
	}
}

// ocsfAttest says that the journal holds the fact of an event, in its chain.
type ocsfAttest struct {
	UID         string          `json:"uid"`
	ChainUID    string          `json:"chain_uid"`
	Fingerprint ocsfFingerprint `json:"fingerprint"`
	Previous    *ocsfPrevious   `json:"prev_event,omitempty"`
	Signatures  []ocsfSignature `json:"signatures,omitempty"`
}

type ocsfFingerprint struct {
	AlgorithmID     int    `json:"algorithm_id"`
	Algorithm       string `json:"algorithm"`
	SerializationID int    `json:"serialization_id,omitempty"`
	Serialization   string `json:"serialization,omitempty"`
	Value           string `json:"value"`
}

type ocsfPrevious struct {
	UID         string          `json:"uid,omitempty"`
	Fingerprint ocsfFingerprint `json:"fingerprint"`
}

type ocsfSignature struct {
	AlgorithmID     int             `json:"algorithm_id"`
	Algorithm       string          `json:"algorithm"`
	SerializationID int             `json:"serialization_id"`
	Serialization   string          `json:"serialization"`
	Digest          ocsfFingerprint `json:"digest"`
}

// leafPrint is the fingerprint of a record. What is hashed is the record in the
// journal, not the event: the event is a telling of it, and so the way of
// writing is one that the schema calls other.
func leafPrint(hash string) ocsfFingerprint {
	return ocsfFingerprint{AlgorithmID: 3, Algorithm: "SHA-256", SerializationID: 99, Serialization: "firebreak journal record, RFC 6962 leaf", Value: hash}
}

// attest ties an event to the chain of its journal. The signature is that of
// the checkpoint under which the record was read; its whole note stands in the
// first line under it.
func (c *ocsf) attest(e *ocsfEvent, row *Row) {
	if row.Hash == "" {
		return
	}
	e.Metadata.Profiles = append(e.Metadata.Profiles, "record_integrity")
	a := ocsfAttest{UID: e.Metadata.UID, ChainUID: cmp.Or(c.o.Head.Origin, c.incident.Store, "unknown"), Fingerprint: leafPrint(row.Hash)}
	if row.Prev != "" && row.Prev != noHash {
		a.Previous = &ocsfPrevious{Fingerprint: leafPrint(row.Prev)}
		if row.Prev == c.prev.hash {
			a.Previous.UID = c.prev.uid
		}
	}
	if note := c.o.Head.Note; len(note) > 0 && row.Seq < c.o.Head.Size {
		a.Signatures = []ocsfSignature{{
			AlgorithmID: 99, Algorithm: "Ed25519", SerializationID: 99, Serialization: "C2SP signed note of the checkpoint",
			Digest: ocsfFingerprint{AlgorithmID: 3, Algorithm: "SHA-256", SerializationID: 99, Serialization: "RFC 6962 tree root", Value: hex.EncodeToString(c.o.Head.Root[:])},
		}}
		if c.noted != c.o.Head.Size {
			c.noted, e.Unmapped.Checkpoint = c.o.Head.Size, string(note)
		}
	}
	e.Attestations = []ocsfAttest{a}
}

const noHash = "0000000000000000000000000000000000000000000000000000000000000000"
