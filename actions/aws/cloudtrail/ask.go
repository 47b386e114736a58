package cloudtrail

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

const (
	maxEvents = 20000 // in each region; 400 calls, more than three minutes
	perPage   = 50    // what CloudTrail gives at most
	together  = 6     // regions that are asked at the same time
)

// query is what every region is asked.
type query struct {
	key      types.LookupAttributeKey
	value    string
	from, to time.Time
	most     int
}

// answer is what one region said.
type answer struct {
	region  string
	events  []types.Event
	more    bool   // there are more events than were asked for
	refused string // why the region told nothing; empty: it did
}

// allRegions are the regions that the account can use, sorted.
func allRegions(ctx context.Context, c *cloud.Conn) ([]string, error) {
	const op = "ec2:DescribeRegions"
	out, err := cloud.Do(ctx, c, cloud.Reads, op, ec2.NewFromConfig(c.Config).DescribeRegions, &ec2.DescribeRegionsInput{})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, one := range out.Regions {
		names = append(names, aws.ToString(one.RegionName))
	}
	if len(names) == 0 {
		return nil, &actions.Error{Class: actions.Transient, Op: op, Err: fmt.Errorf("AWS lists no regions, which cannot be"), Hint: "name the regions"}
	}
	slices.Sort(names)
	return names, nil
}

// everywhere asks all regions. A region that refuses is told in its answer, as
// policies often close regions that nobody uses; when all refuse, or one cannot
// be asked, that is the error.
func (a lookupEvents) everywhere(ctx context.Context, c *cloud.Conn, regions []string, q query) ([]answer, error) {
	answers, failed, noted := make([]answer, len(regions)), make([]error, len(regions)), make([]*actions.Requests, len(regions))
	var group sync.WaitGroup
	slots := make(chan struct{}, together)
	for i, region := range regions {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			there := c.In(region)
			noted[i] = &actions.Requests{}
			there.Requests = noted[i]
			answers[i], failed[i] = a.ask(ctx, there, q)
		})
	}
	group.Wait()
	refused := 0
	for i := range regions {
		for _, one := range noted[i].List() { // in the order of the regions
			c.Requests.Add(one.Operation, one.ID)
		}
		if answers[i].refused != "" {
			refused++
		}
	}
	for _, err := range failed {
		if err != nil && (actions.ClassOf(err) != actions.Denied || refused == len(regions)) {
			return nil, err
		}
	}
	return answers, nil
}

// ask reads the events of one region, page by page.
func (a lookupEvents) ask(ctx context.Context, c *cloud.Conn, q query) (answer, error) {
	const op = "cloudtrail:LookupEvents"
	found := answer{region: c.Region}
	trail := client(c)
	in := &cloudtrail.LookupEventsInput{StartTime: &q.from, EndTime: &q.to, LookupAttributes: []types.LookupAttribute{{AttributeKey: q.key, AttributeValue: &q.value}}}
	for {
		in.MaxResults = aws.Int32(int32(min(perPage, q.most-len(found.events))))
		done, err := a.pacer.take(ctx, c.Account, c.Region)
		if err != nil {
			return found, err
		}
		out, err := cloud.Do(ctx, c, cloud.Reads, op, trail.LookupEvents, in)
		done()
		if err != nil {
			if actions.ClassOf(err) == actions.Denied {
				found.refused = err.Error()
			}
			return found, err
		}
		found.events = append(found.events, out.Events...)
		next := aws.ToString(out.NextToken)
		switch {
		case next == "":
			return found, nil
		case len(found.events) >= q.most:
			found.more = true
			return found, nil
		case next == aws.ToString(in.NextToken):
			return found, &actions.Error{Class: actions.Transient, Op: op, Err: fmt.Errorf("%s gives the same page again and again", c.Region)}
		}
		in.NextToken = &next
	}
}
