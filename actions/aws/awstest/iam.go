package awstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// IAMState reads the users and roles that were made here, and nothing of other
// services. Only moto has more than keys and inline policies.
func (w *World) IAMState(t *testing.T) string {
	t.Helper()
	return w.iamState(t)
}

// LoginProfile gives a user a console password.
func (w *World) LoginProfile(t *testing.T, user, password string, mustReset bool) {
	t.Helper()
	if _, err := w.IAM.CreateLoginProfile(t.Context(), &iam.CreateLoginProfileInput{UserName: &user, Password: &password, PasswordResetRequired: mustReset}); err != nil {
		t.Fatal(err)
	}
}

// SSHKey gives a user an SSH public key for CodeCommit, and tells its id.
func (w *World) SSHKey(t *testing.T, user string) string {
	t.Helper()
	out, err := w.IAM.UploadSSHPublicKey(t.Context(), &iam.UploadSSHPublicKeyInput{UserName: &user, SSHPublicKeyBody: aws.String("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ test")})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.SSHPublicKey.SSHPublicKeyId)
}

// SigningCertificate gives a user a certificate, and tells its id.
func (w *World) SigningCertificate(t *testing.T, user string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: user}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	out, err := w.IAM.UploadSigningCertificate(t.Context(), &iam.UploadSigningCertificateInput{UserName: &user, CertificateBody: &text})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.Certificate.CertificateId)
}

// MFA gives a user a virtual device, and tells its serial number.
func (w *World) MFA(t *testing.T, user, device string) string {
	t.Helper()
	out, err := w.IAM.CreateVirtualMFADevice(t.Context(), &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: &device})
	if err != nil {
		t.Fatal(err)
	}
	serial := out.VirtualMFADevice.SerialNumber
	if _, err := w.IAM.EnableMFADevice(t.Context(), &iam.EnableMFADeviceInput{UserName: &user, SerialNumber: serial, AuthenticationCode1: aws.String("123456"), AuthenticationCode2: aws.String("654321")}); err != nil {
		t.Fatal(err)
	}
	return aws.ToString(serial)
}

// InGroup puts a user into a group, which it makes when it is not there.
func (w *World) InGroup(t *testing.T, user, group string) {
	t.Helper()
	if out, err := w.IAM.CreateGroup(t.Context(), &iam.CreateGroupInput{GroupName: &group}); err == nil {
		w.arns["group/"+group] = aws.ToString(out.Group.Arn)
	}
	if _, err := w.IAM.AddUserToGroup(t.Context(), &iam.AddUserToGroupInput{UserName: &user, GroupName: &group}); err != nil {
		t.Fatal(err)
	}
}

// Trust reads the trust policy of a role as it is.
func (w *World) Trust(t *testing.T, role string) string {
	t.Helper()
	out, err := w.IAM.GetRole(t.Context(), &iam.GetRoleInput{RoleName: &role})
	if err != nil {
		t.Fatal(err)
	}
	return compact(t, role, out.Role.AssumeRolePolicyDocument)
}

// SetTrust puts a trust policy, as somebody else would.
func (w *World) SetTrust(t *testing.T, role, document string) {
	t.Helper()
	if _, err := w.IAM.UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: &role, PolicyDocument: &document}); err != nil {
		t.Fatal(err)
	}
}

// identityState reads what only moto has of users and roles: every class of
// credentials, groups, attached policies, boundaries and trust.
func (w *World) identityState(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, user := range w.users {
		var lines []string
		add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf("  "+format+"\n", args...)) }
		if out, err := w.IAM.GetLoginProfile(t.Context(), &iam.GetLoginProfileInput{UserName: &user}); err == nil {
			add("console password, must reset %v", out.LoginProfile.PasswordResetRequired)
		}
		ssh, err := w.IAM.ListSSHPublicKeys(t.Context(), &iam.ListSSHPublicKeysInput{UserName: &user})
		w.must(t, err)
		for _, one := range ssh.SSHPublicKeys {
			add("ssh %s %s", aws.ToString(one.SSHPublicKeyId), one.Status)
		}
		certificates, err := w.IAM.ListSigningCertificates(t.Context(), &iam.ListSigningCertificatesInput{UserName: &user})
		w.must(t, err)
		for _, one := range certificates.Certificates {
			add("certificate %s %s", aws.ToString(one.CertificateId), one.Status)
		}
		devices, err := w.IAM.ListMFADevices(t.Context(), &iam.ListMFADevicesInput{UserName: &user})
		w.must(t, err)
		for _, one := range devices.MFADevices {
			add("mfa %s", aws.ToString(one.SerialNumber))
		}
		groups, err := w.IAM.ListGroupsForUser(t.Context(), &iam.ListGroupsForUserInput{UserName: &user})
		w.must(t, err)
		for _, one := range groups.Groups {
			add("group %s", aws.ToString(one.GroupName))
		}
		attached, err := w.IAM.ListAttachedUserPolicies(t.Context(), &iam.ListAttachedUserPoliciesInput{UserName: &user})
		w.must(t, err)
		for _, one := range attached.AttachedPolicies {
			add("attached %s", aws.ToString(one.PolicyArn))
		}
		if w.beside != nil {
			credentials, err := w.IAM.ListServiceSpecificCredentials(t.Context(), &iam.ListServiceSpecificCredentialsInput{UserName: &user})
			w.must(t, err)
			for _, one := range credentials.ServiceSpecificCredentials {
				add("credential %s %s %s", aws.ToString(one.ServiceSpecificCredentialId), aws.ToString(one.ServiceName), one.Status)
			}
			out, err := w.IAM.GetUser(t.Context(), &iam.GetUserInput{UserName: &user})
			w.must(t, err)
			if out.User.PermissionsBoundary != nil {
				add("boundary %s", aws.ToString(out.User.PermissionsBoundary.PermissionsBoundaryArn))
			}
		}
		slices.Sort(lines)
		fmt.Fprintf(&b, "identity %s\n%s", user, strings.Join(lines, ""))
	}
	for _, role := range w.roles {
		out, err := w.IAM.GetRole(t.Context(), &iam.GetRoleInput{RoleName: &role})
		w.must(t, err)
		fmt.Fprintf(&b, "trust %s %s\n", role, compact(t, role, out.Role.AssumeRolePolicyDocument))
		if limit := out.Role.PermissionsBoundary; limit != nil && aws.ToString(limit.PermissionsBoundaryArn) != "" {
			fmt.Fprintf(&b, "  boundary %s\n", aws.ToString(limit.PermissionsBoundaryArn))
		}
		attached, err := w.IAM.ListAttachedRolePolicies(t.Context(), &iam.ListAttachedRolePoliciesInput{RoleName: &role})
		w.must(t, err)
		for _, one := range attached.AttachedPolicies {
			fmt.Fprintf(&b, "  attached %s\n", aws.ToString(one.PolicyArn))
		}
	}
	return b.String()
}

func (w *World) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Keys reads the access keys of a user, as "id status", sorted.
func (w *World) Keys(t *testing.T, user string) []string {
	t.Helper()
	out, err := w.IAM.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: &user})
	w.must(t, err)
	var keys []string
	for _, one := range out.AccessKeyMetadata {
		keys = append(keys, aws.ToString(one.AccessKeyId)+" "+string(one.Status))
	}
	slices.Sort(keys)
	return keys
}

// Status sets the status of a credential of a user that is no access key: an
// SSH public key, a signing certificate or a service-specific credential.
func (w *World) Status(t *testing.T, user, id string, status types.StatusType) {
	t.Helper()
	var err error
	switch {
	case strings.HasPrefix(id, "APKA"):
		_, err = w.IAM.UpdateSSHPublicKey(t.Context(), &iam.UpdateSSHPublicKeyInput{UserName: &user, SSHPublicKeyId: &id, Status: status})
	case strings.HasPrefix(id, "ACCA"):
		_, err = w.IAM.UpdateServiceSpecificCredential(t.Context(), &iam.UpdateServiceSpecificCredentialInput{UserName: &user, ServiceSpecificCredentialId: &id, Status: status})
	default:
		_, err = w.IAM.UpdateSigningCertificate(t.Context(), &iam.UpdateSigningCertificateInput{UserName: &user, CertificateId: &id, Status: status})
	}
	w.must(t, err)
}
