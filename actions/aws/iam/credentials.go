package iam

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// credential is one thing that a user signs in with, without its secret.
type credential struct {
	Class  string `json:"class"`
	ID     string `json:"id"`
	Status string `json:"status"` // Active, Inactive or Expired
}

func (c credential) String() string { return classWord(c.Class) + " " + c.ID }

// The classes of credentials that have a status, and the console's password,
// which has none.
const (
	accessKeys          = "access_keys"
	sshKeys             = "ssh_keys"
	serviceCredentials  = "service_credentials"
	signingCertificates = "signing_certificates"
	console             = "console"
)

// classes lists all classes, those with a status first.
func classes() []string {
	return []string{accessKeys, sshKeys, serviceCredentials, signingCertificates, console}
}

func classWord(class string) string {
	switch class {
	case accessKeys:
		return "access key"
	case sshKeys:
		return "SSH public key"
	case serviceCredentials:
		return "service-specific credential"
	case signingCertificates:
		return "signing certificate"
	}
	return "console password"
}

// credentials lists what a user has of one class that has a status, every page
// of it, sorted by id.
func (c *conn) credentials(ctx context.Context, user, class string) ([]credential, error) {
	var found []credential
	add := func(id *string, status types.StatusType) {
		found = append(found, credential{class, aws.ToString(id), string(status)})
	}
	var marker *string
	for {
		var more bool
		switch class {
		case accessKeys:
			keys, err := c.accessKeys(ctx, user)
			if err != nil {
				return nil, err
			}
			for _, key := range keys {
				add(&key.ID, types.StatusType(key.Status))
			}
		case sshKeys:
			out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "iam:ListSSHPublicKeys", c.iam.ListSSHPublicKeys, &iam.ListSSHPublicKeysInput{UserName: &user, Marker: marker})
			if err != nil {
				return nil, err
			}
			for _, one := range out.SSHPublicKeys {
				add(one.SSHPublicKeyId, one.Status)
			}
			more, marker = out.IsTruncated, out.Marker
		case serviceCredentials:
			out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "iam:ListServiceSpecificCredentials", c.iam.ListServiceSpecificCredentials, &iam.ListServiceSpecificCredentialsInput{UserName: &user, Marker: marker})
			if err != nil {
				return nil, err
			}
			for _, one := range out.ServiceSpecificCredentials {
				add(one.ServiceSpecificCredentialId, one.Status)
			}
			more, marker = out.IsTruncated, out.Marker
		case signingCertificates:
			out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "iam:ListSigningCertificates", c.iam.ListSigningCertificates, &iam.ListSigningCertificatesInput{UserName: &user, Marker: marker})
			if err != nil {
				return nil, err
			}
			for _, one := range out.Certificates {
				add(one.CertificateId, one.Status)
			}
			more, marker = out.IsTruncated, out.Marker
		}
		if !more || marker == nil {
			slices.SortFunc(found, func(a, b credential) int { return strings.Compare(a.ID, b.ID) })
			return found, nil
		}
	}
}

// setCredential sets the status of one credential.
func (c *conn) setCredential(ctx context.Context, user string, one credential, status types.StatusType) error {
	var err error
	switch one.Class {
	case accessKeys:
		return c.setKey(ctx, user, one.ID, status)
	case sshKeys:
		_, err = cloud.Do(ctx, c.Conn, cloud.Writes, "iam:UpdateSSHPublicKey", c.iam.UpdateSSHPublicKey, &iam.UpdateSSHPublicKeyInput{UserName: &user, SSHPublicKeyId: &one.ID, Status: status})
	case serviceCredentials:
		_, err = cloud.Do(ctx, c.Conn, cloud.Writes, "iam:UpdateServiceSpecificCredential", c.iam.UpdateServiceSpecificCredential, &iam.UpdateServiceSpecificCredentialInput{UserName: &user, ServiceSpecificCredentialId: &one.ID, Status: status})
	case signingCertificates:
		_, err = cloud.Do(ctx, c.Conn, cloud.Writes, "iam:UpdateSigningCertificate", c.iam.UpdateSigningCertificate, &iam.UpdateSigningCertificateInput{UserName: &user, CertificateId: &one.ID, Status: status})
	}
	return err
}

// password reads whether a user has a console password, and whether it has to
// be changed at the next sign-in. That there is none is an answer of its own;
// an empty answer proves nothing.
func (c *conn) password(ctx context.Context, user string) (exists, mustReset bool, err error) {
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "iam:GetLoginProfile", c.iam.GetLoginProfile, &iam.GetLoginProfileInput{UserName: &user})
	switch {
	case err != nil && actions.ClassOf(err) == actions.NotFound:
		return false, false, nil
	case err != nil:
		return false, false, err
	case out.LoginProfile == nil || aws.ToString(out.LoginProfile.UserName) != user:
		return false, false, cloud.Empty("iam:GetLoginProfile", user)
	}
	return true, out.LoginProfile.PasswordResetRequired, nil
}

// devices lists the serial numbers of a user's MFA devices, sorted.
func (c *conn) devices(ctx context.Context, user string) ([]string, error) {
	var serials []string
	var marker *string
	for {
		out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "iam:ListMFADevices", c.iam.ListMFADevices, &iam.ListMFADevicesInput{UserName: &user, Marker: marker})
		if err != nil {
			return nil, err
		}
		for _, one := range out.MFADevices {
			serials = append(serials, aws.ToString(one.SerialNumber))
		}
		if marker = out.Marker; !out.IsTruncated || marker == nil {
			slices.Sort(serials)
			return serials, nil
		}
	}
}

// gone makes an error of class not-found none: what was to be taken away is not
// there.
func gone(err error) error {
	if err != nil && actions.ClassOf(err) == actions.NotFound {
		return nil
	}
	return err
}

// existing reads a user, and gives it with its path.
func (c *conn) existing(ctx context.Context, op, name string) (cloud.Principal, error) {
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "iam:GetUser", c.iam.GetUser, &iam.GetUserInput{UserName: &name})
	if err != nil {
		return cloud.Principal{}, err
	}
	if out.User == nil || aws.ToString(out.User.UserName) != name {
		return cloud.Principal{}, cloud.Empty("iam:GetUser", name)
	}
	who, err := cloud.ParsePrincipal(aws.ToString(out.User.Arn))
	if err != nil {
		return who, &actions.Error{Class: actions.Transient, Op: "iam:GetUser", Err: err}
	}
	return who, c.Refuse(op, who)
}

// chosen checks a list of classes; an empty one means all.
func chosen(list []string) ([]string, error) {
	if len(list) == 0 {
		return classes(), nil
	}
	for _, one := range list {
		if !slices.Contains(classes(), one) {
			return nil, fmt.Errorf("%q is no class of credentials; known: %s", one, strings.Join(classes(), ", "))
		}
	}
	all := slices.DeleteFunc(classes(), func(class string) bool { return !slices.Contains(list, class) })
	if len(all) != len(list) {
		return nil, errors.New("a class of credentials stands in the list twice")
	}
	return all, nil
}
