package v1

// Types of conditions.
const (
	// ConditionReady is on every kind that has conditions: what the spec asks for is there.
	ConditionReady = "Ready"
	// ConditionIssuing is on Certificates: True while one is being issued, False after that failed, absent
	// after it succeeded.
	ConditionIssuing = "Issuing"
	// ConditionRevoked is on Certificates of which a certificate was revoked: True while that is the one in the
	// Secret, False once it is replaced. It goes with the CertificateRevocation.
	ConditionRevoked = "Revoked"
	// ConditionSourceProblem is on Certificates that were made for an Ingress, Gateway or ListenerSet, True only:
	// what that says now cannot be followed, and the Certificate is what it last said that could be.
	ConditionSourceProblem = "SourceProblem"
	// ConditionApproved is on CertificateRequests, True only: the request may be signed.
	ConditionApproved = "Approved"
	// ConditionDenied is on CertificateRequests, True only: the request must not be signed.
	ConditionDenied = "Denied"
	// ConditionInvalidRequest is on CertificateRequests, True only: no issuer could sign this request.
	ConditionInvalidRequest = "InvalidRequest"
)

// Reasons of a Certificate's conditions: what is wrong with its Secret, in the order of the checks. They
// are reasons of Ready=False and, but for Expired, of Issuing=True.
const (
	// ReasonDoesNotExist means that the Secret is absent.
	ReasonDoesNotExist = "DoesNotExist"
	// ReasonMissingData means that the Secret lacks tls.key or tls.crt.
	ReasonMissingData = "MissingData"
	// ReasonInvalidKeyPair means that tls.key cannot be read or does not belong to tls.crt.
	ReasonInvalidKeyPair = "InvalidKeyPair"
	// ReasonInvalidCertificate means that tls.crt cannot be read, or that an issuer's answer is no use.
	ReasonInvalidCertificate = "InvalidCertificate"
	// ReasonIncorrectIssuer means that another issuer signed.
	ReasonIncorrectIssuer = "IncorrectIssuer"
	// ReasonIncorrectCertificate means that the Secret belongs to another Certificate.
	ReasonIncorrectCertificate = "IncorrectCertificate"
	// ReasonSecretMismatch means that the key or the names in the Secret are not those of the spec.
	ReasonSecretMismatch = "SecretMismatch"
	// ReasonInvalidCertificateRequest means that the request of this revision cannot be read.
	ReasonInvalidCertificateRequest = "InvalidCertificateRequest"
	// ReasonRequestChanged means that the spec has been edited since the certificate was issued.
	ReasonRequestChanged = "RequestChanged"
	// ReasonExpired means that the certificate is no longer valid.
	ReasonExpired = "Expired"
	// ReasonRenewing means that the time to renew has come.
	ReasonRenewing = "Renewing"
	// ReasonIssuerKeyChanged means that a ca issuer has another key than the one that signed.
	ReasonIssuerKeyChanged = "IssuerKeyChanged"
	// ReasonKeyLost means that the private key of the attempt under way is gone.
	ReasonKeyLost = "KeyLost"
	// ReasonSecretNotOurs means that somebody else owns the Secret, which is left alone.
	ReasonSecretNotOurs = "SecretNotOurs"
	// ReasonWriteRefused means that the API server refused to write the Secret or the request.
	ReasonWriteRefused = "WriteRefused"
	// ReasonSecretForbidden means that the operator may not read a Secret that is named.
	ReasonSecretForbidden = "SecretForbidden"
	// ReasonKeystorePasswordSecretNotFound means that a keystore's password is not there.
	ReasonKeystorePasswordSecretNotFound = "KeystorePasswordSecretNotFound"
	// ReasonIssuerNotFound means that the issuer does not exist.
	ReasonIssuerNotFound = "IssuerNotFound"
	// ReasonIssuerNotReady means that the issuer exists and cannot sign.
	ReasonIssuerNotReady = "IssuerNotReady"
	// ReasonManuallyTriggered is set by people and tools that ask for a new certificate.
	ReasonManuallyTriggered = "ManuallyTriggered"
	// ReasonRevoked means that the certificate in the Secret was revoked by a CertificateRevocation.
	ReasonRevoked = "Revoked"
	// ReasonReplaced goes with Revoked=False: the Secret holds another certificate.
	ReasonReplaced = "Replaced"
	// ReasonRevocationRequested means that a CertificateRevocation waits for a new certificate.
	ReasonRevocationRequested = "RevocationRequested"
	// ReasonWindowError means that no renewal window opens before expiry.
	ReasonWindowError = "WindowError"
	// ReasonBadConfig goes with SourceProblem=True.
	ReasonBadConfig = "BadConfig"
)

// Reasons of any kind's conditions.
const (
	// ReasonReady goes with Ready=True of a Certificate.
	ReasonReady = "Ready"
	// ReasonInvalidSpec means that the spec says something that cannot be done: edit it.
	ReasonInvalidSpec = "InvalidSpec"
	// ReasonNotSupported means that the spec asks for something that is accepted but not built.
	ReasonNotSupported = "NotSupported"
)

// Reasons of a CertificateRequest's condition Ready, and of a Certificate's Issuing=False.
const (
	// ReasonPending means that the request waits for approval or for its issuer.
	ReasonPending = "Pending"
	// ReasonFailed means that the request will not be signed.
	ReasonFailed = "Failed"
	// ReasonIssued means that the request has been signed.
	ReasonIssued = "Issued"
	// ReasonDenied means that the request was denied.
	ReasonDenied = "Denied"
)

// Reasons of an issuer's condition Ready.
const (
	// ReasonACMEAccountRegistered means that the account exists at the CA.
	ReasonACMEAccountRegistered = "ACMEAccountRegistered"
	// ReasonACMEAccountVerified means that the CA knows the account.
	ReasonACMEAccountVerified = "ACMEAccountVerified"
	// ReasonErrRegisterACMEAccount means that the account could not be made.
	ReasonErrRegisterACMEAccount = "ErrRegisterACMEAccount"
	// ReasonErrVerifyACMEAccount means that the account, or its key, could not be read.
	ReasonErrVerifyACMEAccount = "ErrVerifyACMEAccount"
	// ReasonErrUpdateACMEAccount means that the account's contact could not be changed.
	ReasonErrUpdateACMEAccount = "ErrUpdateACMEAccount"
	// ReasonInvalidConfig means that the server is one of ACME before RFC 8555.
	ReasonInvalidConfig = "InvalidConfig"
	// ReasonInvalidURL means that the server's URL cannot be used.
	ReasonInvalidURL = "InvalidURL"
	// ReasonAddressNotAllowed means that the server, or something that a solver names, has an address that
	// the Issuer of a namespace may not reach.
	ReasonAddressNotAllowed = "AddressNotAllowed"
	// ReasonInvalidSolver means that a solver's settings, or the Secrets it names, cannot be used.
	ReasonInvalidSolver = "InvalidSolver"
	// ReasonKeyPairVerified means that the CA's key pair can sign.
	ReasonKeyPairVerified = "KeyPairVerified"
	// ReasonErrGetKeyPair means that the CA's key pair could not be read.
	ReasonErrGetKeyPair = "ErrGetKeyPair"
	// ReasonErrInvalidKeyPair means that the CA's key pair cannot sign.
	ReasonErrInvalidKeyPair = "ErrInvalidKeyPair"
	// ReasonCRLNotPossible means that the CA cannot keep the revocation list that is asked for.
	ReasonCRLNotPossible = "CRLNotPossible"
	// ReasonVaultVerified means that Vault answers and lets the operator in.
	ReasonVaultVerified = "VaultVerified"
	// ReasonVaultError means that Vault does not answer or does not let the operator in.
	ReasonVaultError = "VaultError"
	// ReasonIsReady goes with Ready=True of selfSigned issuers.
	ReasonIsReady = "IsReady"
)

// Reasons of a CertificateRevocation's condition Ready, beside ReasonRevoked, which goes with True.
const (
	// ReasonNotRecorded means that the operator has no record of the certificate for this namespace.
	ReasonNotRecorded = "NotRecorded"
	// ReasonWaitingForRenewal means that a new certificate has to be there first.
	ReasonWaitingForRenewal = "WaitingForRenewal"
	// ReasonRevoking means that a CA has not taken the revocation yet.
	ReasonRevoking = "Revoking"
	// ReasonRevocationFailed means that a certificate cannot be revoked.
	ReasonRevocationFailed = "RevocationFailed"
)
