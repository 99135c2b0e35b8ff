// The official libraries, as npm has them.
import svix from 'svix';
import standardwebhooks from 'standardwebhooks';

export const Svix = svix.Webhook;
export const StandardWebhooks = standardwebhooks.Webhook;
